/** `trust.json` and private keys, as settings give them. */
import { parseSigner, parseTrust, type Signer, type Trust } from '../transparency/index.ts';
import { parsed, type FileContent } from './settings.ts';

export { parseTrust, witnessedBy, type RegionTrust, type Trust, type TrustFile } from '../transparency/index.ts';

/** @throws SettingsError naming the file */
export const readTrust = (file: FileContent): Trust => parsed(file, parseTrust);

/** @throws SettingsError naming the file; the message never holds any of the key */
export const readSigner = (file: FileContent): Signer => parsed(file, (text) => parseSigner(text.trim()));
