package bank

//go:generate go tool sessgen
