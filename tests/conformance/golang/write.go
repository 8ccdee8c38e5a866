package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"path/filepath"

	"github.com/transparency-dev/formats/log"
	cosig "github.com/transparency-dev/formats/note"
	tlogproof "github.com/transparency-dev/formats/proof"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const witness = "witness.example/w1"

// write makes keys and a log of as many entries as asked for, and signs, cosigns and proves it.
func write(folder, origin string, size int64) error {
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var found []tlog.Hash
		for _, index := range indexes {
			found = append(found, stored[index])
		}
		return found, nil
	})
	var packed []byte
	for number := int64(0); number < size; number++ {
		entry := entryOf(number)
		hashes, err := tlog.StoredHashes(number, entry, reader)
		if err != nil {
			return err
		}
		stored = append(stored, hashes...)
		packed = append(binary.BigEndian.AppendUint16(packed, uint16(len(entry))), entry...)
		if last := number == size-1; last || (number+1)%(1<<height) == 0 {
			path := bundle(number>>height, int(number%(1<<height))+1)
			if err := writeFile(filepath.Join(folder, "log"), path, packed); err != nil {
				return err
			}
			packed = nil
		}
	}
	for _, tile := range tlog.NewTiles(height, 0, size) {
		data, err := tlog.ReadTileData(tile, reader)
		if err != nil {
			return err
		}
		if err := writeFile(filepath.Join(folder, "log"), tilePath(tile), data); err != nil {
			return err
		}
	}
	root, err := tlog.TreeHash(size, reader)
	if err != nil {
		return err
	}
	signed, err := sign(folder, log.Checkpoint{Origin: origin, Size: uint64(size), Hash: root[:]})
	if err != nil {
		return err
	}
	return writeProofs(folder, signed, size, reader)
}

func entryOf(number int64) []byte {
	hash := sha256.Sum256(fmt.Appendf(nil, "%d", number))
	return append([]byte("refbus-audit/v1"), hash[:]...)
}

// sign returns the checkpoint, signed by a new log and cosigned by a new witness with both types of keys.
func sign(folder string, checkpoint log.Checkpoint) ([]byte, error) {
	secret, public, err := note.GenerateKey(rand.Reader, checkpoint.Origin)
	if err != nil {
		return nil, err
	}
	signer, err := note.NewSigner(secret)
	if err != nil {
		return nil, err
	}
	classic, classicPublic, err := note.GenerateKey(rand.Reader, witness)
	if err != nil {
		return nil, err
	}
	if classicPublic, err = cosig.VKeyToCosignatureV1(classicPublic); err != nil {
		return nil, err
	}
	quantum, quantumPublic, err := cosig.GenerateMLDSAKey(witness)
	if err != nil {
		return nil, err
	}
	signers := []note.Signer{signer}
	for _, secret := range []string{classic, quantum} {
		cosigner, err := cosig.NewSignerForCosignatureV1(secret)
		if err != nil {
			return nil, err
		}
		signers = append(signers, cosigner)
	}
	signed, err := note.Sign(&note.Note{Text: string(checkpoint.Marshal())}, signers...)
	if err != nil {
		return nil, err
	}
	for path, data := range map[string]string{
		"log.vkey":       public + "\n",
		"witnesses.vkey": classicPublic + "\n" + quantumPublic + "\n",
		"log/checkpoint": string(signed),
	} {
		if err := writeFile(folder, path, []byte(data)); err != nil {
			return nil, err
		}
	}
	return signed, nil
}

func writeProofs(folder string, signed []byte, size int64, reader tlog.HashReader) error {
	for _, index := range []int64{0, size / 2, size - 1} {
		hashes, err := tlog.ProveRecord(size, index, reader)
		if err != nil {
			return err
		}
		made := tlogproof.TLogProof{Index: uint64(index), Checkpoint: signed, ExtraData: []byte("extra")}
		for _, hash := range hashes {
			made.Hashes = append(made.Hashes, hash)
		}
		if err := writeFile(folder, fmt.Sprintf("proofs/%d.tlog-proof", index), made.Marshal()); err != nil {
			return err
		}
	}
	return nil
}
