/** The edge node as a program; its settings come from the environment (platform/services.ts). */
import { EDGE_SETTINGS } from '../../platform/index.ts';
import { runService } from '../shell/index.ts';
import { startEdgeNode } from './service.ts';

await runService('edge-node', EDGE_SETTINGS, startEdgeNode);
