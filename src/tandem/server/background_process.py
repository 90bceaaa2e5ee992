"""What the background process of a server runs: the workers of a core, and a socket for loads."""

from tandem.server import companion_process

if __name__ == "__main__":
    companion_process.run(does_background_work=True)
