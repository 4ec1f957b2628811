"""An API in Python that trusts the broker's tokens with PyJWT: keys from the broker, everything else by its own word.

    python3 pyjwt.py '{"issuer":"https://…","audience":"https://items.example","tokens":{"name":"…"}}'

Prints {"version":…,"name":{"sub":…,…} or {"error":"InvalidAudienceError"}}. SSL_CERT_FILE names the authority that it believes.
"""
import json
import sys
import urllib.request

import jwt

settings = json.loads(sys.argv[1])
with urllib.request.urlopen(settings["issuer"] + "/.well-known/openid-configuration") as answer:
    metadata = json.load(answer)
keys = jwt.PyJWKClient(metadata["jwks_uri"])


def verdict(token):
    try:
        key = keys.get_signing_key_from_jwt(token)
        return jwt.decode(token, key.key, algorithms=["ES256"], audience=settings["audience"], issuer=settings["issuer"],
                          options={"require": ["exp", "iat", "iss", "aud", "sub", "jti", "client_id"]})
    except jwt.PyJWTError as err:
        return {"error": type(err).__name__}


print(json.dumps({"version": jwt.__version__, **{name: verdict(token) for name, token in settings["tokens"].items()}}))
