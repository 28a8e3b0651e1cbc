"""The methods by name. A new one is a file here and a line below; CONTRIBUTING says the rest."""

from zskt.methods.noise import Noise as Noise
from zskt.methods.zskt import ZSKT as ZSKT

METHODS = {"zskt": ZSKT, "noise": Noise}
