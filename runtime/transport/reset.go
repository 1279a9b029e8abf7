package transport

import (
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/x509"
)

// endpointKey is the key that the tokens of stateless resets are made with; zero for one that is drawn at random.
func (c *config) endpointKey() (key [32]byte) {
	secret := c.resetKey
	if secret == nil && c.tls != nil && len(c.tls.Certificates) > 0 {
		// A signer that keeps its key to itself, in hardware say, does not marshal.
		secret, _ = x509.MarshalPKCS8PrivateKey(c.tls.Certificates[0].PrivateKey)
	}
	if secret == nil {
		return key
	}
	derived, err := hkdf.Key(sha256.New, secret, nil, "sessgen stateless reset", len(key))
	if err != nil {
		return key // not with these sizes
	}
	copy(key[:], derived)
	return key
}
