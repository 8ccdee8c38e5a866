// Appends entries to a log with tessera's POSIX driver and prints how many it took a second.
//
//	appending <folder> <entries> <batch>
//
// Each batch is written, synchronised and made part of the tree before the next is; a checkpoint is signed every second,
// as the auditor does.
package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"
	"golang.org/x/mod/sumdb/note"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("usage: appending <folder> <entries> <batch>")
	}
	count, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	batch, err := strconv.ParseUint(args[2], 10, 32)
	if err != nil {
		return err
	}
	rate, err := measure(context.Background(), args[0], count, uint(batch))
	if err != nil {
		return err
	}
	fmt.Println(rate)
	return nil
}

func measure(ctx context.Context, folder string, count int, batch uint) (float64, error) {
	secret, _, err := note.GenerateKey(rand.Reader, "bench.example")
	if err != nil {
		return 0, err
	}
	signer, err := note.NewSigner(secret)
	if err != nil {
		return 0, err
	}
	driver, err := posix.New(ctx, posix.Config{Path: folder})
	if err != nil {
		return 0, err
	}
	options := tessera.NewAppendOptions().
		WithCheckpointSigner(signer).
		WithBatching(batch, time.Second).
		WithCheckpointInterval(time.Second).
		WithPushback(uint(count) + batch)
	appender, shutdown, _, err := tessera.NewAppender(ctx, driver, options)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	futures := make([]tessera.IndexFuture, 0, count)
	for number := range count {
		hash := sha256.Sum256(fmt.Appendf(nil, "%d", number))
		entry := append([]byte("refbus-audit/v1"), hash[:]...)
		futures = append(futures, appender.Add(ctx, tessera.NewEntry(entry)))
	}
	for _, future := range futures {
		if _, err := future(); err != nil {
			return 0, err
		}
	}
	took := time.Since(began)
	return float64(count) / took.Seconds(), shutdown(ctx)
}
