// Reads a log, or makes one, with what Go's checksum database is made of. Two uses:
//
//	read-log check DIRECTORY VERIFIER-KEY [SIZE…]   a log below DIRECTORY: all of it, and that the first SIZE are a prefix
//	read-log vectors                                roots and proofs for test/vectors/log-by-go.json
//
// Run with GO111MODULE=off and the Debian package golang-golang-x-mod-dev.
package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

func main() {
	log.SetFlags(0)
	if len(os.Args) >= 4 && os.Args[1] == "check" {
		check(os.Args[2], os.Args[3], os.Args[4:])
	} else if len(os.Args) == 2 && os.Args[1] == "vectors" {
		vectors()
	} else {
		log.Fatal("usage: read-log check DIRECTORY VERIFIER-KEY [SIZE...] | vectors")
	}
}

// A tile's path here has the height in it, that of C2SP tlog-tiles has not.
type directory string

func (d directory) Height() int { return height }

func (d directory) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, tile := range tiles {
		path := strings.Replace(tile.Path(), fmt.Sprintf("tile/%d/", height), "tile/", 1)
		data, err := os.ReadFile(filepath.Join(string(d), path))
		if err != nil {
			return nil, err
		}
		found = append(found, data)
	}
	return found, nil
}

func (d directory) SaveTiles([]tlog.Tile, [][]byte) {}

func check(dir, key string, sizes []string) {
	tree := openCheckpoint(dir, key)
	reader := tlog.TileHashReader(tree, directory(dir))
	root, err := tlog.TreeHash(tree.N, reader)
	must(err)
	if root != tree.Hash {
		log.Fatal("the tiles do not lead to the checkpoint")
	}
	for n := int64(0); n < tree.N; n++ {
		proof, err := tlog.ProveRecord(tree.N, n, reader)
		must(err)
		must(tlog.CheckRecord(proof, tree.N, tree.Hash, n, tlog.RecordHash(entry(dir, tree.N, n))))
	}
	for _, text := range sizes {
		size, err := strconv.ParseInt(text, 10, 64)
		must(err)
		old, err := tlog.TreeHash(size, reader)
		must(err)
		proof, err := tlog.ProveTree(tree.N, size, reader)
		must(err)
		must(tlog.CheckTree(proof, tree.N, tree.Hash, size, old))
	}
	fmt.Printf("%d entries\n", tree.N)
}

func openCheckpoint(dir, key string) tlog.Tree {
	verifier, err := note.NewVerifier(key)
	must(err)
	bytes, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	must(err)
	opened, err := note.Open(bytes, note.VerifierList(verifier))
	must(err)
	lines := strings.Split(opened.Text, "\n")
	if lines[0] != verifier.Name() {
		log.Fatalf("the origin is %s", lines[0])
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	must(err)
	hash, err := tlog.ParseHash(lines[2])
	must(err)
	return tlog.Tree{N: size, Hash: hash}
}

func entry(dir string, size, n int64) []byte {
	first := n / 256 * 256
	path := strings.Replace(tlog.Tile{H: height, L: 0, N: n / 256, W: int(least(256, size-first))}.Path(), "tile/8/0/", "tile/entries/", 1)
	data, err := os.ReadFile(filepath.Join(dir, path))
	must(err)
	for ; ; first++ {
		length := int(binary.BigEndian.Uint16(data))
		if first == n {
			return data[2 : 2+length]
		}
		data = data[2+length:]
	}
}

type vector struct {
	Size        int64               `json:"size"`
	Root        string              `json:"root"`
	Inclusion   map[string][]string `json:"inclusion"`
	Consistency map[string][]string `json:"consistency"`
}

func vectors() {
	var hashes []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var found []tlog.Hash
		for _, index := range indexes {
			found = append(found, hashes[index])
		}
		return found, nil
	})
	sizes := map[int64][]int64{1: {1}, 2: {1, 2}, 7: {1, 3, 4, 6}, 255: {254}, 256: {1, 128, 255}, 257: {256, 2}, 600: {1, 255, 256, 257, 511, 512, 599}}
	var all []vector
	for n := int64(0); n < 600; n++ {
		added, err := tlog.StoredHashes(n, []byte(fmt.Sprintf("entry %d", n)), reader)
		must(err)
		hashes = append(hashes, added...)
		if older, ok := sizes[n+1]; ok {
			all = append(all, vectorOf(n+1, older, reader))
		}
	}
	out := struct {
		Trees []vector `json:"trees"`
		Key   string   `json:"key"`
		Note  string   `json:"note"`
	}{Trees: all}
	out.Key, out.Note = signed(all[len(all)-1])
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetIndent("", " ")
	encoder.SetEscapeHTML(false)
	must(encoder.Encode(out))
}

func vectorOf(size int64, older []int64, reader tlog.HashReader) vector {
	root, err := tlog.TreeHash(size, reader)
	must(err)
	v := vector{size, hex.EncodeToString(root[:]), map[string][]string{}, map[string][]string{}}
	for _, old := range older {
		record, err := tlog.ProveRecord(size, old-1, reader)
		must(err)
		v.Inclusion[fmt.Sprint(old-1)] = hexes(record)
		tree, err := tlog.ProveTree(size, old, reader)
		must(err)
		v.Consistency[fmt.Sprint(old)] = hexes(tree)
	}
	return v
}

func signed(v vector) (string, string) {
	private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))
	key, err := note.NewEd25519VerifierKey("go.example/log", private.Public().(ed25519.PublicKey))
	must(err)
	root, err := hex.DecodeString(v.Root)
	must(err)
	name := strings.Split(key, "+")
	secret := append([]byte{1}, private.Seed()...)
	signer, err := note.NewSigner("PRIVATE+KEY+" + name[0] + "+" + name[1] + "+" + base64.StdEncoding.EncodeToString(secret))
	must(err)
	text := fmt.Sprintf("%s\n%d\n%s\n", name[0], v.Size, base64.StdEncoding.EncodeToString(root))
	message, err := note.Sign(&note.Note{Text: text}, signer)
	must(err)
	return key, string(message)
}

func hexes(hashes []tlog.Hash) []string {
	found := []string{}
	for _, hash := range hashes {
		found = append(found, hex.EncodeToString(hash[:]))
	}
	return found
}

func least(a, b int64) int64 {
	if a < b {
		return a
	}
	return b
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
