"""What a reviewer is shown of an audit, and the same audit made again."""
