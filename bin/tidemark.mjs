#!/usr/bin/env node
/**
 * `tidemark`: of a checkout, installs what is needed on first use, then runs the command line of the kit on the pinned Node; of an
 * installed package, which has no sources, runs what `npm pack` made of them.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot, start } from './bootstrap.mjs';
import { startInstalled } from './pack/installed.mjs';

const sources = join(repositoryRoot, 'cli', 'main.ts');
if (existsSync(sources)) start(sources, process.argv.slice(2));
else await startInstalled(process.argv.slice(2));
