/**
 * Loaded before a program, makes it live on a machine of its own: an address of loopback that is its alone (all of 127.0.0.0/8 is
 * loopback on Linux), and names of other machines as DNS would tell them. Ports, names in certificates and everything else stay
 * what they are. `KIT_MACHINE={"address": "127.77.0.2", "names": {"r0.eu.example.com": "127.77.0.3"}}`
 */
import { Server, Socket } from 'node:net';

export interface Machine {
  /** The program's own. @default - it listens nowhere */
  readonly address?: string;
  readonly names: Readonly<Record<string, string>>;
}

const ANYWHERE = '0.0.0.0';
const SELF = '127.0.0.1';

interface Place {
  host?: string;
}

export function liveOn({ address, names }: Machine): void {
  const places: Readonly<Record<string, string>> = { ...names, ...(address === undefined ? {} : { [SELF]: address, localhost: address }) };
  const { connect } = Socket.prototype;
  // Whatever form the arguments have by now: [[options, listener]] or [options, listener].
  Socket.prototype.connect = function (this: Socket, ...args: unknown[]) {
    const [first] = args;
    const options = (Array.isArray(first) ? first[0] : first) as Place | undefined;
    const place = options?.host === undefined ? undefined : places[options.host];
    if (place !== undefined) options!.host = place;
    return Reflect.apply(connect, this, args) as Socket;
  } as typeof connect;
  const { listen } = Server.prototype;
  Server.prototype.listen = function (this: Server, ...args: unknown[]) {
    const [options] = args as [Place | undefined];
    if (typeof options === 'object' && options.host === ANYWHERE && address !== undefined) args[0] = { ...options, host: address };
    return Reflect.apply(listen, this, args) as Server;
  } as typeof listen;
}

const given = process.env['KIT_MACHINE'];
if (given !== undefined) liveOn(JSON.parse(given) as Machine);
