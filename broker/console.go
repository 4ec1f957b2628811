package broker

// AdminDoor is the console's way in: a broker that has one lets people sign in to the
// built-in client directory.AdminClient, and no other.
type AdminDoor struct {
	RedirectURI string // where a sign-in ends, exact
	Base        string // the console's own address, which a test sign-in leads back to
}
