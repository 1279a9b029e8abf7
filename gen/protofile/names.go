package protofile

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sessgen/sessgen/gen/internal/names"
)

func screaming(name string) string { return strings.ToUpper(names.Snake(name)) }

// fieldNames are those of one message. To protobuf, names that differ in case or underscores only are one in JSON.
type fieldNames map[string]bool

// pick is the name of a field: with its number where another one has taken it.
func (taken fieldNames) pick(name string, number int) string {
	picked := names.Snake(name)
	key := func() string { return strings.ReplaceAll(picked, "_", "") }
	if taken[key()] {
		picked = fmt.Sprintf("%s_%d", picked, number)
	}
	for taken[key()] {
		picked += "_x"
	}
	taken[key()] = true
	return picked
}

func sorted(set map[string]bool) []string { return slices.Sorted(maps.Keys(set)) }
