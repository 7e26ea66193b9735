package main

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/transparency-dev/formats/log"
	fnote "github.com/transparency-dev/formats/note"
	tlogproof "github.com/transparency-dev/formats/proof"
	"github.com/transparency-dev/merkle/compact"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// makeFolder writes a log of `size` entries, entry i being the text "entry i", signed with fresh keys, and proofs of it.
func makeFolder(dir string, size int64) error {
	t := &tree{}
	for i := int64(0); i < size; i++ {
		if err := t.append(entry(i)); err != nil {
			return err
		}
	}
	root, err := tlog.TreeHash(size, t)
	if err != nil {
		return err
	}
	files := map[string][]byte{}
	checkpoint, err := signedCheckpoint(size, root, files)
	if err != nil {
		return err
	}
	if err := allTiles(t, files); err != nil {
		return err
	}
	for _, i := range samples(size) {
		if i == size {
			continue
		}
		hashes, err := tlog.ProveRecord(size, i, t)
		if err != nil {
			return err
		}
		receipt := tlogproof.TLogProof{Index: uint64(i), Checkpoint: checkpoint}
		for _, h := range hashes {
			receipt.Hashes = append(receipt.Hashes, [sha256.Size]byte(h))
		}
		if i == 0 {
			receipt.ExtraData = []byte("extra data")
		}
		files[fmt.Sprintf("inclusion/%d.tlog-proof", i)] = receipt.Marshal()
	}
	for _, old := range samples(size) {
		var hashes tlog.TreeProof
		if old > 0 {
			if hashes, err = tlog.ProveTree(size, old, t); err != nil {
				return err
			}
		}
		var body bytes.Buffer
		fmt.Fprintf(&body, "old %d\n", old)
		for _, h := range hashes {
			fmt.Fprintf(&body, "%s\n", base64.StdEncoding.EncodeToString(h[:]))
		}
		fmt.Fprintf(&body, "\n%s", checkpoint)
		files[fmt.Sprintf("consistency/%d", old)] = body.Bytes()
	}
	positions := samples(size)
	for i, start := range positions {
		end := positions[len(positions)-1-i]
		if start > end {
			break
		}
		var lines bytes.Buffer
		nodes := compact.RangeNodes(uint64(end), uint64(size), compact.RangeNodes(0, uint64(start), nil))
		for _, id := range nodes {
			h := t.hashes[tlog.StoredHashIndex(int(id.Level), int64(id.Index))]
			fmt.Fprintf(&lines, "%s\n", base64.StdEncoding.EncodeToString(h[:]))
		}
		files[fmt.Sprintf("range/%d-%d", start, end)] = lines.Bytes()
	}
	for name, data := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func entry(i int64) []byte { return []byte(fmt.Sprintf("entry %d", i)) }

// samples are a few positions of a log: both ends, and what lies around powers of two.
func samples(size int64) []int64 {
	out := []int64{0}
	for p := int64(1); p <= size; p *= 2 {
		for _, n := range []int64{p - 1, p, p + 1} {
			if n > out[len(out)-1] && n <= size {
				out = append(out, n)
			}
		}
	}
	if out[len(out)-1] < size {
		out = append(out, size)
	}
	return out
}

func signedCheckpoint(size int64, root tlog.Hash, files map[string][]byte) ([]byte, error) {
	const origin = "example.com/made-in-go"
	skey, vkey, err := note.GenerateKey(rand.Reader, origin)
	if err != nil {
		return nil, err
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		return nil, err
	}
	signers := []note.Signer{signer}
	policy := []string{"log " + vkey}
	var names, cosigners []string
	for i := 1; i <= 2; i++ {
		name := fmt.Sprintf("example.com/witness/%d", i)
		wskey, wvkey, err := note.GenerateKey(rand.Reader, name)
		if err != nil {
			return nil, err
		}
		cosigner, err := fnote.NewSignerForCosignatureV1(wskey)
		if err != nil {
			return nil, err
		}
		cosignerKey, err := fnote.VKeyToCosignatureV1(wvkey)
		if err != nil {
			return nil, err
		}
		signers = append(signers, cosigner)
		cosigners = append(cosigners, cosignerKey)
		names = append(names, fmt.Sprintf("w%d", i))
		policy = append(policy, fmt.Sprintf("witness w%d %s https://%s", i, cosignerKey, name))
	}
	policy = append(policy, "group all-of-them all "+strings.Join(names, " "), "quorum all-of-them")
	text := log.Checkpoint{Origin: origin, Size: uint64(size), Hash: root[:]}.Marshal()
	signed, err := note.Sign(&note.Note{Text: string(text)}, signers...)
	if err != nil {
		return nil, err
	}
	files["vkey"] = []byte(vkey + "\n")
	files["cosigners"] = []byte(strings.Join(cosigners, "\n") + "\n")
	files["policy"] = []byte(strings.Join(policy, "\n") + "\n")
	files["checkpoint"] = signed
	return signed, nil
}

func allTiles(t *tree, files map[string][]byte) error {
	for _, tile := range tiles(t.size) {
		if tile.L >= 0 {
			data, err := tlog.ReadTileData(tile, t)
			if err != nil {
				return err
			}
			files[tilePath(tile)] = data
			continue
		}
		var bundle []byte
		for i := 0; i < tile.W; i++ {
			e := entry(tile.N<<tileHeight + int64(i))
			bundle = append(binary.BigEndian.AppendUint16(bundle, uint16(len(e))), e...)
		}
		files[tilePath(tile)] = bundle
	}
	return nil
}
