//! Finds the line and column of a member in a JSON text, so that an error in a policy names its place.

use super::super::rewrite::lex::Lexer;

/// Line and column (from 1, in characters) of the value at `path`; of its deepest existing parent otherwise.
pub fn locate(text: &str, path: &[&str]) -> (usize, usize) {
    let mut lexer = Lexer::new(text);
    let mut found = 0;
    for part in path {
        lexer.space();
        match descend(&mut lexer, part) {
            Some(at) => found = at,
            None => break,
        }
    }
    position(text, found)
}

/// Moves to the value of member or element `part`; returns where its member starts.
fn descend(lexer: &mut Lexer<'_>, part: &str) -> Option<usize> {
    match lexer.peek()? {
        b'{' => {
            lexer.bump();
            loop {
                lexer.space();
                let at = lexer.at();
                let key = lexer.string().ok()?;
                lexer.colon().ok()?;
                if key == part {
                    return Some(at);
                }
                lexer.skip().ok()?;
                lexer.space();
                if lexer.peek()? != b',' {
                    return None;
                }
                lexer.bump();
            }
        }
        b'[' => {
            lexer.bump();
            let mut left: usize = part.parse().ok()?;
            loop {
                lexer.space();
                if left == 0 {
                    return Some(lexer.at());
                }
                left -= 1;
                lexer.skip().ok()?;
                lexer.space();
                if lexer.peek()? != b',' {
                    return None;
                }
                lexer.bump();
            }
        }
        _ => None,
    }
}

fn position(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    (line, column)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_members_and_elements() {
        let text = "{\n  \"a\": [1,\n    {\"b\": 2}],\n  \"c\": {\"d\": null}\n}";
        assert_eq!(locate(text, &["c", "d"]), (4, 9));
        assert_eq!(locate(text, &["a", "1", "b"]), (3, 6));
        assert_eq!(locate(text, &["a", "7"]), (2, 3));
        assert_eq!(locate(text, &["x"]), (1, 1));
    }
}
