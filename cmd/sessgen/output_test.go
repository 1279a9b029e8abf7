package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// When a file cannot take its name any more, those that have taken theirs go back.
func TestApplyGoesBack(t *testing.T) {
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	write := func(name, text string) { require.NoError(t, os.WriteFile(file(name), []byte(text), 0o640)) }
	write("changed", "old")
	write("stale", "stale")
	write("blocked", "")
	err := apply([]change{
		{file("changed"), []byte("old"), []byte("new")},
		{file("fresh"), nil, []byte("new")},
		{file("stale"), []byte("stale"), nil},
		{file("gone"), []byte("removed by somebody else meanwhile"), nil},
		{filepath.Join(dir, "blocked", "file"), []byte("no folder, so it cannot be removed"), nil},
	})
	require.ErrorContains(t, err, "blocked")
	text := func(name string) string {
		b, err := os.ReadFile(file(name))
		require.NoError(t, err)
		return string(b)
	}
	require.Equal(t, "old", text("changed"))
	require.Equal(t, "stale", text("stale"))
	require.NoFileExists(t, file("fresh"))
	info, err := os.Stat(file("changed"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o640), info.Mode().Perm())
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var left []string
	for _, e := range entries {
		left = append(left, e.Name())
	}
	require.Equal(t, []string{"blocked", "changed", "stale"}, left)
}
