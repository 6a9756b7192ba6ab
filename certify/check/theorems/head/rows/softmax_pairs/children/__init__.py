"""D16: the children of hot rows, choice by choice."""
