export declare const NODE_MAJOR_MIN: number;
export declare const repositoryRoot: string;
export declare class BootstrapError extends Error {}
export declare function pinnedNodePath(platform: string, arch: string): string | null;
export declare function installReason(lock: string, installed: string | null): string | null;
export declare function ensureInstalled(root?: string, say?: (line: string) => void): string;
export declare function runProgram(node: string, file: string, args: readonly string[]): void;
export declare function start(file: string, args: readonly string[]): void;
