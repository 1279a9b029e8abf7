package names

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestExported(t *testing.T) {
	for name, want := range map[string]string{
		"id": "ID", "txnId": "TxnID", "ids": "Ids", "sha256": "Sha256", "utf8": "UTF8", "url": "URL",
		"userID": "UserID", "httpServer": "HTTPServer", "balance": "Balance", "x": "X", "dbURL": "DBURL", "nextHop": "NextHop",
	} {
		require.Equal(t, want, Exported(name), name)
	}
}

func TestPrivate(t *testing.T) {
	for name, want := range map[string]string{
		"Bank": "bank", "TwoPhase": "twoPhase", "SMTPRelay": "smtpRelay", "SMTP": "smtp", "A": "a", "Pop3": "pop3",
	} {
		require.Equal(t, want, Private(name), name)
	}
}

func TestPick(t *testing.T) {
	s := NewScope("ctx", "ctx_")
	require.Equal(t, "ctx__", s.Pick("ctx"))
	require.Equal(t, "next", s.Pick("next"))
	require.Equal(t, "next_", s.Pick("next"))
}
