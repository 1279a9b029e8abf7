package tftp

//go:generate go tool sessgen
