/** SLAs in the format of OpenSLO v1, for tools that are not ours. */
export type { MetricSource, OpenSloDocument, SloDocument } from './model.ts';
export { openSloYaml, toOpenSlo, type OpenSloOptions, type OpenSloSource } from './open-slo.ts';
