//go:build sessgen_debug

package conn

// watched: this end checks its own invariants after every input and command.
const watched = true
