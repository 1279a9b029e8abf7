package deviceflow

//go:generate go tool sessgen
