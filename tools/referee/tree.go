package main

import (
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

const tileHeight = 8

// tree is the log recomputed from its entries: all hashes, in the order of sumdb/tlog's storage.
type tree struct {
	size   int64
	hashes []tlog.Hash
}

func (t *tree) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		if index < 0 || index >= int64(len(t.hashes)) {
			return nil, fmt.Errorf("hash %d is not in the tree of %d entries", index, t.size)
		}
		out[i] = t.hashes[index]
	}
	return out, nil
}

func (t *tree) append(entry []byte) error {
	hashes, err := tlog.StoredHashes(t.size, entry, t)
	if err != nil {
		return err
	}
	t.hashes = append(t.hashes, hashes...)
	t.size++
	return nil
}

func (t *tree) leaf(i int64) tlog.Hash {
	return t.hashes[tlog.StoredHashIndex(0, i)]
}

// tilePath is sumdb/tlog's path of a tile without the height, which C2SP tlog-tiles leaves out.
func tilePath(t tlog.Tile) string {
	path := t.Path()
	prefix := fmt.Sprintf("tile/%d/", t.H)
	if t.L == -1 {
		return "tile/entries/" + path[len(prefix+"data/"):]
	}
	return "tile/" + path[len(prefix):]
}

// tiles lists every tile and every entry bundle of a log of this size.
func tiles(size int64) []tlog.Tile {
	all := tlog.NewTiles(tileHeight, 0, size)
	for _, t := range all {
		if t.L == 0 {
			t.L = -1
			all = append(all, t)
		}
	}
	return all
}
