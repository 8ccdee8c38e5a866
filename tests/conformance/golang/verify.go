package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/transparency-dev/formats/log"
	cosig "github.com/transparency-dev/formats/note"
	tlogproof "github.com/transparency-dev/formats/proof"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// keys are of the log and of all witnesses that must have cosigned.
type keys struct {
	log       note.Verifier
	witnesses []note.Verifier
}

// growth is a consistency proof from an older tree to the one of the checkpoint.
type growth struct {
	Old   uint64
	Root  []byte
	Proof [][]byte
}

func verify(folder string) error {
	known, err := readKeys(folder)
	if err != nil {
		return err
	}
	raw, err := os.ReadFile(filepath.Join(folder, "log", "checkpoint"))
	if err != nil {
		return err
	}
	checkpoint, err := known.open(raw)
	if err != nil {
		return err
	}
	fmt.Printf("checkpoint: %s, %d entries, %d cosignatures\n", checkpoint.Origin, checkpoint.Size, len(known.witnesses))
	entries, err := readEntries(filepath.Join(folder, "log"), int64(checkpoint.Size))
	if err != nil {
		return err
	}
	reader := tlog.TileHashReader(treeOf(checkpoint), tiles{filepath.Join(folder, "log")})
	if err := checkEntries(entries, reader); err != nil {
		return err
	}
	fmt.Printf("tiles: %d entries\n", len(entries))
	if err := checkProofs(folder, known, checkpoint, entries, reader); err != nil {
		return err
	}
	return checkGrowth(folder, checkpoint)
}

// checkEntries compares each entry with its hash in the tiles, which the reader has checked against the root.
func checkEntries(entries [][]byte, reader tlog.HashReader) error {
	for first := 0; first < len(entries); first += 1 << height {
		var indexes []int64
		for at := first; at < min(first+1<<height, len(entries)); at++ {
			indexes = append(indexes, tlog.StoredHashIndex(0, int64(at)))
		}
		hashes, err := reader.ReadHashes(indexes)
		if err != nil {
			return fmt.Errorf("tiles: %w", err)
		}
		for at, hash := range hashes {
			if hash != tlog.RecordHash(entries[first+at]) {
				return fmt.Errorf("entry %d is not the one in the tree", first+at)
			}
		}
	}
	return nil
}

func checkProofs(folder string, known *keys, tree *log.Checkpoint, entries [][]byte, reader tlog.HashReader) error {
	paths, err := filepath.Glob(filepath.Join(folder, "proofs", "*.tlog-proof"))
	if err != nil {
		return err
	}
	for _, path := range paths {
		index, err := strconv.ParseUint(strings.TrimSuffix(filepath.Base(path), ".tlog-proof"), 10, 64)
		if err != nil {
			return err
		}
		if index >= tree.Size {
			return fmt.Errorf("proof of entry %d: beyond the log", index)
		}
		if err := checkProof(path, index, known, entries[index]); err != nil {
			return fmt.Errorf("proof of entry %d: %w", index, err)
		}
		if _, err := tlog.ProveRecord(int64(tree.Size), int64(index), reader); err != nil {
			return fmt.Errorf("no proof of entry %d out of the tiles: %w", index, err)
		}
	}
	fmt.Printf("proofs: %d\n", len(paths))
	return nil
}

// checkProof checks a proof file with two libraries.
func checkProof(path string, index uint64, known *keys, entry []byte) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var found tlogproof.TLogProof
	if err := found.Unmarshal(raw); err != nil {
		return err
	}
	if found.Index != index || !bytes.Equal(found.Marshal(), raw) {
		return fmt.Errorf("another index or spelling")
	}
	tree, err := known.open(found.Checkpoint)
	if err != nil {
		return err
	}
	var hashes [][]byte
	var record tlog.RecordProof
	for _, hash := range found.Hashes {
		hashes, record = append(hashes, hash[:]), append(record, hash)
	}
	leaf := rfc6962.DefaultHasher.HashLeaf(entry)
	if err := proof.VerifyInclusion(rfc6962.DefaultHasher, index, tree.Size, leaf, hashes, tree.Hash); err != nil {
		return err
	}
	return tlog.CheckRecord(record, int64(tree.Size), tlog.Hash(tree.Hash), int64(index), tlog.Hash(leaf))
}

// checkGrowth checks the consistency proofs with two libraries.
func checkGrowth(folder string, tree *log.Checkpoint) error {
	raw, err := os.ReadFile(filepath.Join(folder, "consistency.json"))
	if err != nil {
		return err
	}
	var found []growth
	if err := json.Unmarshal(raw, &found); err != nil {
		return err
	}
	for _, each := range found {
		err := proof.VerifyConsistency(rfc6962.DefaultHasher, each.Old, tree.Size, each.Proof, each.Root, tree.Hash)
		if err != nil {
			return fmt.Errorf("consistency from %d: %w", each.Old, err)
		}
		var hashes tlog.TreeProof
		for _, hash := range each.Proof {
			hashes = append(hashes, tlog.Hash(hash))
		}
		err = tlog.CheckTree(hashes, int64(tree.Size), tlog.Hash(tree.Hash), int64(each.Old), tlog.Hash(each.Root))
		if err != nil {
			return fmt.Errorf("consistency from %d: %w", each.Old, err)
		}
	}
	fmt.Printf("consistency: %d\n", len(found))
	return nil
}

func readKeys(folder string) (*keys, error) {
	text, err := os.ReadFile(filepath.Join(folder, "log.vkey"))
	if err != nil {
		return nil, err
	}
	known := new(keys)
	if known.log, err = note.NewVerifier(strings.TrimSpace(string(text))); err != nil {
		return nil, fmt.Errorf("key of the log: %w", err)
	}
	if text, err = os.ReadFile(filepath.Join(folder, "witnesses.vkey")); err != nil {
		return nil, err
	}
	for _, vkey := range strings.Fields(string(text)) {
		witness, err := cosig.NewVerifierForCosignatureV1(vkey)
		if err != nil {
			return nil, fmt.Errorf("key of a witness: %w", err)
		}
		known.witnesses = append(known.witnesses, witness)
	}
	return known, nil
}

// open returns the checkpoint in a note that the log signed and every witness cosigned.
func (k *keys) open(raw []byte) (*log.Checkpoint, error) {
	checkpoint, rest, signed, err := log.ParseCheckpoint(raw, k.log.Name(), k.log, k.witnesses...)
	if err != nil {
		return nil, err
	}
	if len(rest) != 0 || len(signed.Sigs) != 1+len(k.witnesses) || len(signed.UnverifiedSigs) != 0 {
		return nil, fmt.Errorf("a checkpoint with %d good signatures", len(signed.Sigs))
	}
	for _, signature := range signed.Sigs[1:] {
		if at, err := cosig.CoSigV1Timestamp(signature); err != nil || at.Unix() <= 0 {
			return nil, fmt.Errorf("a cosignature without time")
		}
	}
	return checkpoint, nil
}

func treeOf(checkpoint *log.Checkpoint) tlog.Tree {
	return tlog.Tree{N: int64(checkpoint.Size), Hash: tlog.Hash(checkpoint.Hash)}
}
