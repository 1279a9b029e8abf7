package pop3

//go:generate go tool sessgen
