package broker

import (
	"errors"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/handstamp/handstamp/broker/door"
	"github.com/handstamp/handstamp/broker/oauth"
	"github.com/handstamp/handstamp/broker/page"
	"github.com/handstamp/handstamp/providers"
	"github.com/handstamp/handstamp/providers/password"
	"github.com/handstamp/handstamp/storage"
)

const deadLink = "This link was used before, or it is too old. Please ask whoever sent it for a new one."

// invitation shows the page behind a link that an administrator sent: it sets a
// password. Opening it uses nothing up, so a mail filter that looks costs no link.
func (b *Broker) invitation(c *gin.Context) error {
	account, _, err := b.invited(c, c.Query("token"))
	if err != nil {
		return err
	}
	return b.askNewPassword(c, account, c.Query("token"), "")
}

// acceptInvitation takes the new password. The token is what counts; that the form was
// ours is checked all the same.
func (b *Broker) acceptInvitation(c *gin.Context) error {
	if !door.SameSite(c.Request, b.issuer) {
		return refuse(http.StatusForbidden, "This request did not come from our own page.", alarmed(door.EventCrossSite, "cross-site POST to the invitation page"))
	}
	form, oerr := readForm(c)
	if oerr != nil {
		return oerr
	}
	token := form.Get("token")
	account, maker, err := b.invited(c, token)
	if err != nil {
		return err
	}
	if form.Get("password") != form.Get("again") {
		return b.askNewPassword(c, account, token, "The two passwords are different. Please type both again.")
	}
	hash, err := maker.NewPassword(c.Request.Context(), form.Get("password"))
	var weak *password.Weak
	switch {
	case errors.As(err, &weak):
		return b.askNewPassword(c, account, token, weak.Sentence)
	case err != nil:
		return unavailable(err)
	}
	err = b.db.AcceptInvitation(c.Request.Context(), actor(c, "person", account.User.ID), oauth.InvitationHash(token), hash)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return refuse(http.StatusBadRequest, deadLink, err)
	case err != nil:
		return unavailable(err)
	}
	return b.speak(c).Done(c.Writer, page.Done{Title: "Your password is set", Sentence: "You can sign in with it now. This page may be closed."})
}

// invited finds the account of a link, and who keeps its password.
func (b *Broker) invited(c *gin.Context, token string) (*storage.Account, providers.PasswordMaker, error) {
	if len(token) != 43 {
		return nil, nil, refuse(http.StatusBadRequest, deadLink, reason("the invitation token is malformed"))
	}
	account, err := b.db.Invitation(c.Request.Context(), oauth.InvitationHash(token))
	if errors.Is(err, storage.ErrNotFound) {
		return nil, nil, refuse(http.StatusBadRequest, deadLink, err)
	}
	if err != nil {
		return nil, nil, unavailable(err)
	}
	dir := b.dir.Load()
	p, ok := dir.Provider(account.Provider)
	maker, can := dir.Upstreams[account.Provider].(providers.PasswordMaker)
	if !ok || p.Disabled || !can {
		return nil, nil, refuse(http.StatusBadRequest, deadLink, reason("the provider of the invitation is switched off or gone"))
	}
	rec(c).provider = p.Slug
	return account, maker, nil
}

func (b *Broker) askNewPassword(c *gin.Context, account *storage.Account, token, problem string) error {
	return b.speak(c).Ask(c.Writer, http.StatusOK, page.Ask{Title: "Choose a password", Problem: problem, EndsHere: true, Action: b.path("/invitation"), Token: token,
		Lead: "It is for signing in here with the user name below. Long is good: a sentence is easier to remember than signs.", Button: "Set the password",
		Fields: []page.AskField{{Name: "username", Label: "User name", Autocomplete: "username", Value: account.Login, ReadOnly: true},
			{Name: "password", Label: "New password", Type: "password", Autocomplete: "new-password"},
			{Name: "again", Label: "The same once more", Type: "password", Autocomplete: "new-password"}}})
}
