"""x."""


def prove(server, folder):
    pass
