/**
 * The log: RFC 6962 Merkle tree, tiles, proofs, signed notes, checkpoints, cosignatures, witness protocol and receipts,
 * in the published C2SP formats. The one implementation that all three tiers use. Everything is synchronous but signing,
 * whose key may be elsewhere.
 */
export * from './bundle.ts';
export {
  cosign, formatCheckpoint, openCheckpoint, openCheckpointWithQuorum, parseCheckpoint, signCheckpoint,
  type Checkpoint, type CosignedCheckpoint, type TreeHead,
} from './checkpoint.ts';
export { LogCorruptError, NoteError, ProofError, type NoteErrorCode } from './errors.ts';
export { Frontier } from './frontier.ts';
export { EMPTY_ROOT, HASH_SIZE, hashChildren, hashLeaf } from './hash.ts';
export { formatVerifier, generateSigner, parseSigner, parseVerifier, type KeyKind, type Signer, type Verifier } from './keys.ts';
export {
  addSignatures, openNote, parseNote, signNote, validSignatures,
  type NoteSignature, type OpenedNote, type VerifiedSignature,
} from './note.ts';
export {
  formatPolicy, openWitnessed, parsePolicy, quorumHolds,
  type PolicyGroup, type PolicyKey, type PolicyWitness, type WitnessedCheckpoint, type WitnessPolicy,
} from './policy.ts';
export { consistencyProof, inclusionProof, rangeProof, rootAt } from './proof.ts';
export { inclusionFromRange } from './range-inclusion.ts';
export * from './sqlite-log.ts';
export {
  bundlePath, hashesAtLevel, parseTilePath, TILE_WIDTH, tilePath, tilesOf, tileWidth, type Tile, type TilePath, type TileReader,
} from './tiles.ts';
export * from './tlog-proof.ts';
export { Tree } from './tree.ts';
export { parseTrust, witnessedBy, type RegionTrust, type Trust, type TrustFile } from './trust.ts';
export { verifyConsistency, verifyInclusion, verifyRange } from './verify.ts';
export * from './witness.ts';
