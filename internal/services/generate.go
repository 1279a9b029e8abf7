package services

//go:generate go tool sessgen
