package ledger

//go:generate go tool sessgen
