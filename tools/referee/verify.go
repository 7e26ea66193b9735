package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/transparency-dev/formats/log"
	fnote "github.com/transparency-dev/formats/note"
	tlogproof "github.com/transparency-dev/formats/proof"
	"github.com/transparency-dev/formats/witness"
	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// folder is what has been verified of one folder so far.
type folder struct {
	dir       string
	verifier  note.Verifier
	cosigners []note.Verifier
	policy    witness.Group
	tree      *tree
	root      tlog.Hash
}

func verifyFolder(dir string) (string, error) {
	f := &folder{dir: dir, tree: &tree{}}
	if err := f.readKeys(); err != nil {
		return "", err
	}
	raw, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	if err != nil {
		return "", err
	}
	checkpoint, err := f.openCheckpoint(raw)
	if err != nil {
		return "", fmt.Errorf("checkpoint: %w", err)
	}
	if err := f.readEntries(int64(checkpoint.Size)); err != nil {
		return "", err
	}
	if !bytes.Equal(checkpoint.Hash, f.root[:]) {
		return "", fmt.Errorf("checkpoint: root %s, the entries hash to %s", base64.StdEncoding.EncodeToString(checkpoint.Hash), f.root)
	}
	tileCount, err := f.verifyTiles()
	if err != nil {
		return "", err
	}
	counts := map[string]int{}
	for kind, check := range map[string]func(name string, data []byte) error{
		"inclusion": f.verifyReceipt, "consistency": f.verifyConsistency, "range": f.verifyRange,
	} {
		files, err := os.ReadDir(filepath.Join(dir, kind))
		if err != nil {
			return "", err
		}
		for _, file := range files {
			data, err := os.ReadFile(filepath.Join(dir, kind, file.Name()))
			if err != nil {
				return "", err
			}
			if err := check(file.Name(), data); err != nil {
				return "", fmt.Errorf("%s/%s: %w", kind, file.Name(), err)
			}
			counts[kind]++
		}
	}
	return fmt.Sprintf("size=%d cosigners=%d tiles=%d inclusion=%d consistency=%d range=%d",
		checkpoint.Size, len(f.cosigners), tileCount, counts["inclusion"], counts["consistency"], counts["range"]), nil
}

func (f *folder) readKeys() error {
	vkey, err := os.ReadFile(filepath.Join(f.dir, "vkey"))
	if err != nil {
		return err
	}
	if f.verifier, err = note.NewVerifier(strings.TrimSpace(string(vkey))); err != nil {
		return fmt.Errorf("vkey: %w", err)
	}
	cosigners, err := os.ReadFile(filepath.Join(f.dir, "cosigners"))
	if err != nil {
		return err
	}
	for _, line := range strings.Fields(string(cosigners)) {
		v, err := fnote.NewVerifierForCosignatureV1(line)
		if err != nil {
			return fmt.Errorf("cosigners: %q: %w", line, err)
		}
		if written := strings.Split(line, "+")[1]; written != fmt.Sprintf("%08x", v.KeyHash()) {
			return fmt.Errorf("cosigners: %q: key ID %08x", line, v.KeyHash())
		}
		f.cosigners = append(f.cosigners, v)
	}
	policy, err := os.ReadFile(filepath.Join(f.dir, "policy"))
	if err != nil {
		return err
	}
	if f.policy, err = witness.ParsePolicy(policy); err != nil {
		return fmt.Errorf("policy: %w", err)
	}
	return nil
}

// openCheckpoint verifies the log's signature, all cosignatures and the policy's quorum.
func (f *folder) openCheckpoint(raw []byte) (*log.Checkpoint, error) {
	checkpoint, rest, opened, err := log.ParseCheckpoint(raw, f.verifier.Name(), f.verifier, f.cosigners...)
	if err != nil {
		return nil, err
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("extension lines %q", rest)
	}
	if got, want := len(opened.Sigs), 1+len(f.cosigners); got != want || len(opened.UnverifiedSigs) > 0 {
		return nil, fmt.Errorf("%d verified and %d other signatures, expected %d and none", got, len(opened.UnverifiedSigs), want)
	}
	for _, sig := range opened.Sigs[1:] {
		at, err := fnote.CoSigV1Timestamp(sig)
		if err != nil || at.Unix() <= 0 {
			return nil, fmt.Errorf("cosignature of %s: time %v, %v", sig.Name, at, err)
		}
	}
	if !f.policy.Satisfied(raw) {
		return nil, fmt.Errorf("the policy's quorum is not reached")
	}
	if !bytes.Equal(checkpoint.Marshal(), []byte(opened.Text)) {
		return nil, fmt.Errorf("not in canonical form")
	}
	return checkpoint, nil
}

// readEntries recomputes the whole tree from the entry bundles.
func (f *folder) readEntries(size int64) error {
	for _, tile := range tiles(size) {
		if tile.L != -1 {
			continue
		}
		path := tilePath(tile)
		data, err := os.ReadFile(filepath.Join(f.dir, path))
		if err != nil {
			return err
		}
		for i := 0; i < tile.W; i++ {
			if len(data) < 2 || len(data) < 2+int(binary.BigEndian.Uint16(data)) {
				return fmt.Errorf("%s: entry %d is cut off", path, i)
			}
			n := 2 + int(binary.BigEndian.Uint16(data))
			if err := f.tree.append(data[2:n]); err != nil {
				return err
			}
			data = data[n:]
		}
		if len(data) > 0 {
			return fmt.Errorf("%s: %d bytes too many", path, len(data))
		}
	}
	root, err := tlog.TreeHash(f.tree.size, f.tree)
	if err != nil {
		return err
	}
	f.root = root
	return nil
}

func (f *folder) Height() int                         { return tileHeight }
func (f *folder) SaveTiles(_ []tlog.Tile, _ [][]byte) {}
func (f *folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	out := make([][]byte, len(tiles))
	for i, t := range tiles {
		data, err := os.ReadFile(filepath.Join(f.dir, tilePath(t)))
		if err != nil {
			return nil, err
		}
		out[i] = data
	}
	return out, nil
}

// verifyTiles compares every tile with the recomputed tree, byte for byte, looks for superfluous files, and reads
// all leaf hashes as a client does, which authenticates the tiles against the root.
func (f *folder) verifyTiles() (int, error) {
	expected := map[string]bool{}
	for _, tile := range tiles(f.tree.size) {
		path := tilePath(tile)
		expected[path] = true
		if tile.L == -1 {
			continue
		}
		want, err := tlog.ReadTileData(tile, f.tree)
		if err != nil {
			return 0, err
		}
		got, err := os.ReadFile(filepath.Join(f.dir, path))
		if err != nil {
			return 0, err
		}
		if !bytes.Equal(got, want) {
			return 0, fmt.Errorf("%s: not the hashes of the entries", path)
		}
	}
	err := filepath.WalkDir(filepath.Join(f.dir, "tile"), func(path string, entry fs.DirEntry, err error) error {
		if os.IsNotExist(err) && f.tree.size == 0 {
			return nil
		}
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(f.dir, path)
		if err == nil && !expected[filepath.ToSlash(name)] {
			err = fmt.Errorf("%s: not a tile of a log of %d entries", name, f.tree.size)
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	indexes := make([]int64, f.tree.size)
	for i := range indexes {
		indexes[i] = tlog.StoredHashIndex(0, int64(i))
	}
	if f.tree.size > 0 {
		reader := tlog.TileHashReader(tlog.Tree{N: f.tree.size, Hash: f.root}, f)
		leaves, err := reader.ReadHashes(indexes)
		if err != nil {
			return 0, err
		}
		for i, leaf := range leaves {
			if leaf != f.tree.leaf(int64(i)) {
				return 0, fmt.Errorf("leaf %d of the tiles is not the entry's", i)
			}
		}
	}
	return len(expected), nil
}

func (f *folder) verifyReceipt(_ string, data []byte) error {
	var receipt tlogproof.TLogProof
	if err := receipt.Unmarshal(data); err != nil {
		return err
	}
	if !bytes.Equal(receipt.Marshal(), data) {
		return fmt.Errorf("not in canonical form")
	}
	checkpoint, err := f.openCheckpoint(receipt.Checkpoint)
	if err != nil {
		return err
	}
	if receipt.Index >= uint64(f.tree.size) {
		return fmt.Errorf("index %d of %d", receipt.Index, f.tree.size)
	}
	leaf := f.tree.leaf(int64(receipt.Index))
	hashes := make([][]byte, len(receipt.Hashes))
	recordProof := make(tlog.RecordProof, len(receipt.Hashes))
	for i, h := range receipt.Hashes {
		hashes[i] = h[:]
		recordProof[i] = h
	}
	err = proof.VerifyInclusion(rfc6962.DefaultHasher, receipt.Index, checkpoint.Size, leaf[:], hashes, checkpoint.Hash)
	if err != nil {
		return err
	}
	return tlog.CheckRecord(recordProof, int64(checkpoint.Size), tlog.Hash(checkpoint.Hash), int64(receipt.Index), leaf)
}

// verifyConsistency takes an add-checkpoint request apart and checks it as a witness would.
func (f *folder) verifyConsistency(_ string, data []byte) error {
	head, rest, found := strings.Cut(string(data), "\n\n")
	if !found {
		return fmt.Errorf("no empty line")
	}
	first, lines, _ := strings.Cut(head, "\n")
	old, err := strconv.ParseInt(strings.TrimPrefix(first, "old "), 10, 64)
	if err != nil || first != fmt.Sprintf("old %d", old) || old < 0 || old > f.tree.size {
		return fmt.Errorf("first line %q", first)
	}
	hashes, err := parseHashes(lines)
	if err != nil {
		return err
	}
	checkpoint, err := f.openCheckpoint([]byte(rest))
	if err != nil {
		return err
	}
	oldRoot, err := tlog.TreeHash(old, f.tree)
	if err != nil {
		return err
	}
	err = proof.VerifyConsistency(rfc6962.DefaultHasher, uint64(old), checkpoint.Size, hashes, oldRoot[:], checkpoint.Hash)
	if err != nil {
		return err
	}
	if old == 0 {
		return nil
	}
	treeProof := make(tlog.TreeProof, len(hashes))
	for i, h := range hashes {
		treeProof[i] = tlog.Hash(h)
	}
	return tlog.CheckTree(treeProof, int64(checkpoint.Size), tlog.Hash(checkpoint.Hash), old, oldRoot)
}

// verifyRange puts the tree together from the compact range on the left, the leaves, and the one on the right.
// (Ranges append to the slices they are given.)
func (f *folder) verifyRange(name string, data []byte) error {
	var start, end uint64
	if n, err := fmt.Sscanf(name, "%d-%d", &start, &end); n != 2 || err != nil || start > end || end > uint64(f.tree.size) {
		return fmt.Errorf("name is not START-END within the log")
	}
	hashes, err := parseHashes(strings.TrimSuffix(string(data), "\n"))
	if err != nil {
		return err
	}
	size := uint64(f.tree.size)
	left := compact.RangeSize(0, start)
	if len(hashes) != left+compact.RangeSize(end, size) {
		return fmt.Errorf("%d hashes, expected %d and %d", len(hashes), left, compact.RangeSize(end, size))
	}
	factory := &compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}
	whole, err := factory.NewRange(0, start, slices.Clip(hashes[:left]))
	if err != nil {
		return err
	}
	for i := start; i < end; i++ {
		leaf := f.tree.leaf(int64(i))
		if err := whole.Append(leaf[:], nil); err != nil {
			return err
		}
	}
	right, err := factory.NewRange(end, size, slices.Clip(hashes[left:]))
	if err != nil {
		return err
	}
	if err := whole.AppendRange(right, nil); err != nil {
		return err
	}
	root := rfc6962.DefaultHasher.EmptyRoot()
	if size > 0 {
		if root, err = whole.GetRootHash(nil); err != nil {
			return err
		}
	}
	if !bytes.Equal(root, f.root[:]) {
		return fmt.Errorf("the range leads to another root")
	}
	return nil
}

func parseHashes(lines string) ([][]byte, error) {
	if lines == "" {
		return nil, nil
	}
	var out [][]byte
	for _, line := range strings.Split(lines, "\n") {
		h, err := base64.StdEncoding.Strict().DecodeString(line)
		if err != nil || len(h) != tlog.HashSize {
			return nil, fmt.Errorf("%q is not a hash", line)
		}
		out = append(out, h)
	}
	return out, nil
}
