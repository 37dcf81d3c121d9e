package embedded_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/sluice-events/sluice/internal/stream"
)

// The credentials and the certificate check of a client, on every road it has to
// a broker: topics, produce, fetch and group. This broker is the library's own,
// in memory and on TCP, since the embedded one asks for neither.
func TestSecureClient(t *testing.T) {
	cert, roots := selfSigned(t)
	cluster, err := kfake.NewCluster(
		kfake.NumBrokers(1), kfake.GroupMinSessionTimeout(time.Second), kfake.EnableSASL(),
		kfake.TLS(&tls.Config{Certificates: []tls.Certificate{cert}}),
		kfake.Superuser("PLAIN", "user", "secret"),
		kfake.Superuser("SCRAM-SHA-256", "user", "secret"),
		kfake.Superuser("SCRAM-SHA-512", "user", "secret"),
	)
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	config := func(mechanism, password string) stream.Config {
		return stream.Config{
			Brokers: cluster.ListenAddrs(),
			TLS:     &tls.Config{RootCAs: roots},
			SASL:    stream.SASL{Mechanism: mechanism, User: "user", Password: password},
		}
	}
	for _, m := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} {
		t.Run(m, func(t *testing.T) {
			c, err := stream.NewClient(config(m, "secret"))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if err := c.EnsureTopic(within(t), stream.TopicSpec{Name: topicName, Partitions: 2}); err != nil {
				t.Fatal(err)
			}
			produce(t, c, 0, "a")
			if got := values(t, c, 0); len(got) == 0 {
				t.Error("nothing came back")
			}
			commitOnce(t, c, "g-"+m, func(*stream.Assignment) (int64, string) { return 1, "" })
		})
	}
	refuse := func(what string, cfg stream.Config) {
		t.Helper()
		c, err := stream.NewClient(cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		if _, err := c.Partitions(ctx, topicName); err == nil {
			t.Errorf("%s: the broker let it in", what)
		}
		if _, err := stream.NewProducer(c, topicName, stream.ProducerConfig{}).Produce(ctx, 0, []stream.Record{{Value: []byte("x")}}); err == nil {
			t.Errorf("%s: the broker took a record", what)
		}
	}
	for _, m := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} {
		refuse(m+" with a wrong password", config(m, "wrong"))
	}
	refuse("no credentials", config("", ""))
	stranger := config("PLAIN", "secret")
	stranger.TLS = &tls.Config{RootCAs: x509.NewCertPool()}
	refuse("a certificate of nobody we know", stranger)
}

func selfSigned(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}
