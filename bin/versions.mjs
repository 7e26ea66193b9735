/** What runs what, for the head of a log. */
import { platform, release, arch, cpus, totalmem } from 'node:os';

const gib = (totalmem() / 2 ** 30).toFixed(1);
process.stdout.write(`Node ${process.versions.node}, SQLite ${process.versions.sqlite}, OpenSSL ${process.versions.openssl}\n`);
process.stdout.write(`${platform()} ${release()} ${arch()}, ${cpus().length} cores, ${gib} GiB\n`);
