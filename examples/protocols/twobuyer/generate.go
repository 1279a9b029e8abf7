package twobuyer

//go:generate go tool sessgen
