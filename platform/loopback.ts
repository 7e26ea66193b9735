/** What never leaves a machine. */

/** Whether a URL's `hostname` is this machine's own: `localhost` and names below it (RFC 6761, section 6.3), 127.0.0.0/8, ::1. */
export const isLoopback = (hostname: string): boolean =>
  /^(?:(?:[a-z0-9-]+\.)*localhost|127(?:\.(?:0|[1-9][0-9]{0,2})){3}|\[::1\]|::1)$/i.test(hostname);
