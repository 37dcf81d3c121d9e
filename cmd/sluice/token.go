package main

import (
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/sluice-events/sluice/internal/seal"
)

func tokenCommand() *cobra.Command {
	var user, act, age string
	var life time.Duration
	c := &cobra.Command{
		Use:   "token --user ID",
		Short: "Make a token that proves a user id, for tests and first steps",
		Long: `Make a token that proves to the collector whose consent an act is. Your own backend makes
such tokens in production, with the tenant's key; one token is good for one act and one use.`,
		Example: `  curl -s localhost:8080/v1/consent -H "X-Write-Key: $KEY" \
    -d "{\"user_id\":\"u1\",\"token\":\"$(sluice token --user u1 --age adult)\",\"purposes\":{\"analytics\":true}}"`,
		Args: cobra.NoArgs,
	}
	h := dataFlag(c)
	c.Flags().StringVar(&user, "user", "", "user id")
	c.Flags().StringVar(&act, "act", "consent", "what the token is good for")
	c.Flags().StringVar(&age, "age", "", "age band: lt14, lt18 or adult")
	c.Flags().DurationVar(&life, "for", 10*time.Minute, "how long it is valid")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if user == "" {
			return usage("--user is needed")
		}
		cfg, err := h.config()
		if err != nil {
			return err
		}
		ring, err := h.ring()
		if err != nil {
			return err
		}
		defer ring.Close()
		signer, err := ring.Tenant(cfg.Tenant)
		if err != nil {
			return err
		}
		tok, err := signToken(signer, cfg.Tenant, user, act, age, life)
		if err != nil {
			return err
		}
		fmt.Fprintln(c.OutOrStdout(), tok)
		return nil
	}
	return c
}

// signToken makes the tenant's EdDSA token for one act of one user.
func signToken(signer *seal.Signer, tenant, user, act, age string, life time.Duration) (string, error) {
	claims := jwt.MapClaims{"sub": user, "aud": tenant, "act": act, "exp": time.Now().Add(life).Unix(), "jti": uuid.NewString()}
	if age != "" {
		claims["age"] = age
	}
	text, err := jwt.NewWithClaims(jwt.SigningMethodEdDSA, claims).SigningString()
	if err != nil {
		return "", fmt.Errorf("token: %w", err)
	}
	sig, err := signer.Sign([]byte(text))
	if err != nil {
		return "", fmt.Errorf("token: %w", err)
	}
	return text + "." + jwt.NewWithClaims(jwt.SigningMethodEdDSA, claims).EncodeSegment(sig), nil
}
