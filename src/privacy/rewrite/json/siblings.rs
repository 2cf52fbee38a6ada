//! What the members of an object say about one another.

use super::super::lex::{Broken, Lexer, unescape};
use std::borrow::Cow;

/// The string members of the object at the cursor that are `wanted`: folded name and value. With
/// `literals` numbers and words too.
pub fn siblings<'t>(
    mut lexer: Lexer<'t>,
    literals: bool,
    wanted: impl Fn(&str) -> bool,
) -> Result<Vec<(String, Cow<'t, str>)>, Broken> {
    let mut members = Vec::new();
    lexer.bump();
    lexer.space();
    if lexer.peek() == Some(b'}') {
        return Ok(members);
    }
    loop {
        lexer.space();
        let raw = lexer.string()?;
        lexer.colon()?;
        match lexer.peek() {
            Some(b'"') => {
                let value = lexer.string()?;
                if wanted(raw) {
                    members.push((crate::catalogue::fold(&unescape(raw)), unescape(value)));
                }
            }
            Some(b'{' | b'[') => lexer.skip()?,
            _ if literals && wanted(raw) => {
                let value = lexer.literal()?;
                members.push((crate::catalogue::fold(&unescape(raw)), Cow::Borrowed(value)));
            }
            _ => lexer.skip()?,
        }
        lexer.space();
        match lexer.peek() {
            Some(b',') => lexer.bump(),
            Some(b'}') => return Ok(members),
            _ => return Err(Broken),
        }
    }
}
