package echo

//go:generate go tool sessgen
