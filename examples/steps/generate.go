// Package steps has a small protocol for each kind of step. Its tests show what a
// step does, and its benchmarks what it costs.
package steps

//go:generate go tool sessgen
