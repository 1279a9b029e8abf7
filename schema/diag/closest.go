package diag

import "strings"

// Closest returns the candidate that name is most likely a misspelling of, or "" if none is close: within a
// third of its length, or 1 for two letters. Case hardly counts.
func Closest(name string, candidates []string) string {
	best, bestDistance := "", min(max(min(1, len(name)-1), len(name)/3)+1, longest)
	for _, c := range candidates {
		d := 0
		if !strings.EqualFold(name, c) {
			d = distance(name, c)
		}
		if d < bestDistance && c != name && c != "" {
			best, bestDistance = c, d
		}
	}
	return best
}

// longest is the length from which on names are not compared.
const longest = 64

// distance is the number of insertions, deletions, replacements and swaps of
// neighbours that make b of a (optimal string alignment).
func distance(a, b string) int {
	if len(a) > longest || len(b) > longest {
		return longest
	}
	var before, last, row [longest + 1]int
	for j := range len(b) + 1 {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
