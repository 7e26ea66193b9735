/** An edge node as it is, but with telemetry windows of half a second. */
import { EDGE_SETTINGS } from '../../platform/index.ts';
import { startEdgeNode } from '../../services/edge-node/service.ts';
import { runService } from '../../services/shell/index.ts';

await runService('edge-node', EDGE_SETTINGS, (settings, logger) => startEdgeNode({ ...settings, telemetryWindow: 500 }, logger));
