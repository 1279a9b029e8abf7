package smtp

//go:generate go tool sessgen
