package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

// tilePath is where c2sp.org/tlog-tiles has a tile: sumdb's own path names the height first, and calls entries data.
func tilePath(tile tlog.Tile) string {
	return strings.Replace(strings.Replace(tile.Path(), "tile/8/", "tile/", 1), "tile/data/", "tile/entries/", 1)
}

// tiles reads the tiles of a log from its folder.
type tiles struct{ folder string }

func (t tiles) Height() int { return height }

func (t tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, tile := range wanted {
		data, err := os.ReadFile(filepath.Join(t.folder, tilePath(tile)))
		if err != nil {
			return nil, err
		}
		if len(data) != tile.W*tlog.HashSize {
			return nil, fmt.Errorf("size of %s", tilePath(tile))
		}
		found = append(found, data)
	}
	return found, nil
}

func (t tiles) SaveTiles([]tlog.Tile, [][]byte) {}

// bundle returns the path of the entries under the given tile of level 0.
func bundle(index int64, width int) string {
	return tilePath(tlog.Tile{H: height, L: -1, N: index, W: width})
}

// readEntries returns all entries of a log of this size.
func readEntries(folder string, size int64) ([][]byte, error) {
	var entries [][]byte
	for first := int64(0); first < size; first += 1 << height {
		width := int(min(1<<height, size-first))
		data, err := os.ReadFile(filepath.Join(folder, bundle(first>>height, width)))
		if err != nil {
			return nil, err
		}
		for ; len(data) > 0; width-- {
			if len(data) < 2 || len(data) < 2+int(binary.BigEndian.Uint16(data)) {
				return nil, fmt.Errorf("bundle %d is cut", first>>height)
			}
			end := 2 + int(binary.BigEndian.Uint16(data))
			entries, data = append(entries, data[2:end]), data[end:]
		}
		if width != 0 {
			return nil, fmt.Errorf("bundle %d has another width", first>>height)
		}
	}
	return entries, nil
}

func writeFile(folder, path string, data []byte) error {
	place := filepath.Join(folder, path)
	if err := os.MkdirAll(filepath.Dir(place), 0o755); err != nil {
		return err
	}
	return os.WriteFile(place, data, 0o644)
}
