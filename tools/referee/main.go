// Referee reads what services/transparency writes and verifies it with code that is not ours: golang.org/x/mod/sumdb/note
// and sumdb/tlog, github.com/transparency-dev/formats and github.com/transparency-dev/merkle. It also writes artefacts
// with that code, for services/transparency to verify.
//
//	referee verify DIR...   one line for each folder, "ok DIR ..." or "bad DIR: reason"; exit code 1 when one is bad
//	referee make DIR SIZE   writes a folder in the same layout
//
// A folder holds one log of C2SP tlog-tiles (https://c2sp.org/tlog-tiles) and proofs about it:
//
//	vkey                      the log's verifier key
//	policy                    the trust policy (https://c2sp.org/tlog-policy)
//	cosigners                 verifier keys of the witnesses, one a line; all of them have cosigned
//	checkpoint                the signed and cosigned checkpoint (https://c2sp.org/tlog-checkpoint)
//	tile/...                  all tiles and entry bundles, no file more
//	inclusion/*.tlog-proof    receipts against that checkpoint (https://c2sp.org/tlog-proof)
//	consistency/*             add-checkpoint requests (https://c2sp.org/tlog-witness) with that checkpoint
//	range/START-END           range proofs, one hash a line in base64
package main

import (
	"fmt"
	"os"
	"strconv"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "referee:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) >= 2 && args[0] == "verify":
		return verifyAll(args[1:])
	case len(args) == 3 && args[0] == "make":
		size, err := strconv.ParseInt(args[2], 10, 64)
		if err != nil || size < 1 || size > 1<<20 {
			return fmt.Errorf("size %q: expected 1..%d", args[2], 1<<20)
		}
		return makeFolder(args[1], size)
	}
	return fmt.Errorf("usage: referee verify DIR... | referee make DIR SIZE")
}

func verifyAll(dirs []string) error {
	bad := 0
	for _, dir := range dirs {
		summary, err := verifyFolder(dir)
		if err != nil {
			bad++
			fmt.Printf("bad %s: %q\n", dir, err.Error())
			continue
		}
		fmt.Printf("ok %s %s\n", dir, summary)
	}
	if bad > 0 {
		return fmt.Errorf("%d of %d folders are bad", bad, len(dirs))
	}
	return nil
}
