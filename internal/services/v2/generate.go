package shop

//go:generate go tool sessgen
