/** The edge node as a program; its settings come from the environment (services/shell/settings.ts). */
import { EDGE_SETTINGS, runService } from '../shell/index.ts';
import { startEdgeNode } from './service.ts';

await runService('edge-node', EDGE_SETTINGS, startEdgeNode);
