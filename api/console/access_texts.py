"""Texts about logging in and who may what, in both languages; part of ``api.console.texts``."""

# ruff: noqa: E501  a table of texts is read one text a line

from model.device import Text

ACCESS_TEXTS: dict[str, Text] = {
    "nav.access": Text(en="Access", fr="Accès"),
    "nav.access.short": Text(en="Access", fr="Accès"),
    "login.title": Text(en="Log in", fr="Connexion"),
    "login.name": Text(en="Name", fr="Nom"),
    "login.password": Text(en="Password", fr="Mot de passe"),
    "login.go": Text(en="Log in", fr="Se connecter"),
    "login.provider": Text(en="Log in with {provider}", fr="Se connecter avec {provider}"),
    "login.provider.city": Text(en="Log in with the city's account", fr="Se connecter avec le compte de la ville"),
    "login.wrong": Text(en="Name or password is wrong.", fr="Nom ou mot de passe incorrect."),
    "login.trouble": Text(
        en="The service does not answer: try again in a moment.", fr="Le service ne répond pas : réessayez."
    ),
    "login.help": Text(
        en="An admin makes accounts: penfeld user add NAME.",
        fr="Un administrateur crée les comptes : penfeld user add NOM.",
    ),
    "login.out": Text(en="Log out", fr="Se déconnecter"),
    "login.who": Text(en="{name}, {role}", fr="{name}, {role}"),
    "role.viewer": Text(en="viewer", fr="lecteur"),
    "role.experimenter": Text(en="experimenter", fr="expérimentateur"),
    "role.operator": Text(en="operator", fr="opérateur"),
    "role.admin": Text(en="admin", fr="administrateur"),
    "access.title": Text(en="Access", fr="Accès"),
    "access.intro": Text(
        en="Accounts, tokens of programs, and who changed what. Accounts are changed with “penfeld user”, or over the API.",
        fr="Comptes, jetons des programmes et journal des changements. Les comptes se modifient avec « penfeld user », ou par l’API.",
    ),
    "access.users": Text(en="Accounts", fr="Comptes"),
    "access.user": Text(en="Account", fr="Compte"),
    "access.role": Text(en="Role", fr="Rôle"),
    "access.experiments": Text(en="Experiments", fr="Expérimentations"),
    "access.since": Text(en="Since", fr="Depuis"),
    "access.tokens": Text(en="Tokens", fr="Jetons"),
    "access.tokens.none": Text(en="No token was made yet.", fr="Aucun jeton n’a encore été créé."),
    "access.token": Text(en="Token", fr="Jeton"),
    "access.owner": Text(en="Owner", fr="Titulaire"),
    "access.scope": Text(en="Scope", fr="Portée"),
    "access.used": Text(en="Last used", fr="Dernier usage"),
    "access.ends": Text(en="Ends", fr="Fin"),
    "access.revoked": Text(en="revoked", fr="révoqué"),
    "access.endless": Text(en="no end", fr="sans fin"),
    "access.revoke": Text(en="Revoke a token, by its number", fr="Révoquer un jeton, par son numéro"),
    "access.revoke.go": Text(en="Revoke", fr="Révoquer"),
    "access.revoked.done": Text(en="Token {id} works no more.", fr="Le jeton {id} ne fonctionne plus."),
    "access.audit": Text(en="Who changed what", fr="Qui a changé quoi"),
    "access.when": Text(en="When", fr="Quand"),
    "access.who": Text(en="Who", fr="Qui"),
    "access.what": Text(en="What", fr="Quoi"),
    "access.target": Text(en="On what", fr="Sur quoi"),
    "access.more": Text(en="More", fr="Détail"),
    "access.audit.none": Text(en="Nothing was changed yet.", fr="Rien n’a encore été changé."),
}
