// Checks files that the Referral Bus wrote with the libraries that others use, and writes files for it to check.
//
//	conformance verify <folder>   reads log/, log.vkey, witnesses.vkey, proofs/<index>.tlog-proof, consistency.json
//	conformance write <folder> <origin> <size>   writes the same, without consistency.json
//
// It prints a line for each thing that holds. The first that does not is named and ends it with status 1.
package main

import (
	"fmt"
	"os"
	"strconv"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "refused:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 2 && args[0] == "verify":
		return verify(args[1])
	case len(args) == 4 && args[0] == "write":
		size, err := strconv.ParseInt(args[3], 10, 64)
		if err != nil {
			return err
		}
		return write(args[1], args[2], size)
	}
	return fmt.Errorf("usage: verify <folder> | write <folder> <origin> <size>")
}
