#!/usr/bin/env node
/** `tidemark`: installs what is needed on first use, then runs the command line of the kit on the pinned Node. */
import { join } from 'node:path';
import { repositoryRoot, start } from './bootstrap.mjs';

start(join(repositoryRoot, 'cli', 'main.ts'), process.argv.slice(2));
